//! What must hold whatever is ordered and whatever the market does.
