//! Control: how a session is stopped and how its actors answer. These travel in mailboxes, ahead
//! of everything that waits in a lane.
