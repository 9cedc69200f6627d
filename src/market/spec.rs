//! The text that names a source, as in `--source`.

use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

use super::replay::{LastBar, Replay, ReplayOptions, volume_unit};
use super::source::{Source, SourceError};
use super::synthetic::{Synthetic, SyntheticParams};

/// What may be written.
const ALLOWED: &str = "synthetic, or replay:PATH of a .csv or .parquet file, with options as in \
     replay:btc.csv?last=final&volume=quote&timeframe=15m";

/// A text names no source.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("source {text:?}: {reason}; allowed: {ALLOWED}")]
pub struct SpecError {
    /// The text as given.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A source by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceSpec {
    /// A recorded file.
    Replay {
        /// Where it is. A `?` begins the options, so the path cannot hold one.
        path: PathBuf,
        /// How to read it.
        options: ReplayOptions,
    },
    /// The generator.
    Synthetic,
}

impl SourceSpec {
    /// Parses `synthetic` or `replay:PATH[?last=running|final&volume=base|quote&timeframe=15m]`.
    ///
    /// # Errors
    /// Anything else, saying what is allowed.
    pub fn parse(text: &str) -> Result<Self, SpecError> {
        let fail = |reason: String| SpecError { text: text.to_owned(), reason };
        let trimmed = text.trim();
        let (kind, rest) = trimmed.split_once(':').unwrap_or((trimmed, ""));
        match kind {
            "synthetic" if trimmed == "synthetic" => Ok(Self::Synthetic),
            "synthetic" => Err(fail("synthetic takes nothing after its name".to_owned())),
            "replay" => {
                let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
                if path.is_empty() {
                    return Err(fail("replay needs a path".to_owned()));
                }
                let path = PathBuf::from(path);
                let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
                if !matches!(extension.as_deref(), Some("csv" | "parquet")) {
                    return Err(fail("the file is neither .csv nor .parquet".to_owned()));
                }
                Ok(Self::Replay { path, options: parse_options(query).map_err(fail)? })
            }
            "kraken" => Err(fail("not in this build yet: kraken".to_owned())),
            "" => Err(fail("it is empty".to_owned())),
            _ => Err(fail(format!("unknown kind {kind:?}"))),
        }
    }

    /// Opens the source; `synthetic` are the parameters of the generator, used only for it.
    ///
    /// # Errors
    /// The file or a parameter is not as it must be.
    pub fn open(&self, synthetic: &SyntheticParams) -> Result<Box<dyn Source>, SourceError> {
        Ok(match self {
            Self::Replay { path, options } => Box::new(Replay::open(path, *options)?),
            Self::Synthetic => Box::new(Synthetic::new(synthetic.clone())?),
        })
    }
}

impl FromStr for SourceSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        Self::parse(text)
    }
}

fn parse_options(query: &str) -> Result<ReplayOptions, String> {
    let mut options = ReplayOptions::default();
    let mut seen: Vec<&str> = Vec::new();
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        if seen.contains(&key) {
            return Err(format!("option {key} is given twice"));
        }
        seen.push(key);
        let bad = |allowed: &str| format!("option {key}={value:?}; allowed: {allowed}");
        match key {
            "last" => {
                options.last = match value {
                    "running" => LastBar::Running,
                    "final" => LastBar::Final,
                    _ => return Err(bad("running, final")),
                }
            }
            "volume" => options.volume = volume_unit(value).ok_or_else(|| bad("base, quote"))?,
            "timeframe" => {
                options.timeframe = Some(value.parse().map_err(|_| bad("1m, 5m, 15m, 30m, 1h, 4h, 1d"))?);
            }
            _ => return Err(format!("unknown option {key:?}; allowed: last, volume, timeframe")),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Timeframe, VolumeUnit};

    #[test]
    fn a_file_with_options_is_understood() {
        let spec = SourceSpec::parse("replay:../x/a.b.csv?volume=quote&last=final&timeframe=15m").unwrap();
        let options = ReplayOptions {
            last: LastBar::Final,
            volume: VolumeUnit::Quote,
            timeframe: Some(Timeframe::M15),
        };
        assert_eq!(spec, SourceSpec::Replay { path: "../x/a.b.csv".into(), options });
        let plain = SourceSpec::parse("replay:C:/x.PARQUET").unwrap();
        assert_eq!(
            plain,
            SourceSpec::Replay { path: "C:/x.PARQUET".into(), options: ReplayOptions::default() }
        );
        assert_eq!("synthetic".parse::<SourceSpec>().unwrap(), SourceSpec::Synthetic);
    }

    #[test]
    fn anything_else_says_what_is_allowed() {
        for (text, reason) in [
            ("kraken", "not in this build yet: kraken"),
            ("kraken:BTC/EUR", "not in this build yet: kraken"),
            ("", "it is empty"),
            ("replay", "replay needs a path"),
            ("replay:", "replay needs a path"),
            ("replay:x.csv.gz", "neither .csv nor .parquet"),
            ("replay:x.csv?last=maybe", "option last=\"maybe\"; allowed: running, final"),
            ("replay:x.csv?last=final&last=running", "given twice"),
            ("replay:x.csv?timeframe=7m", "allowed: 1m, 5m"),
            ("replay:x.csv?volume", "allowed: base, quote"),
            ("replay:x.csv?speed=3", "unknown option \"speed\"; allowed: last, volume, timeframe"),
            ("synthetic:42", "takes nothing after its name"),
            ("csv:x", "unknown kind \"csv\""),
        ] {
            let error = SourceSpec::parse(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(error.contains("allowed: synthetic, or replay:PATH"), "{text}: {error}");
        }
    }
}
