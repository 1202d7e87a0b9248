"""LooGLE (BIGAI NLCo, MIT): questions, clozes and summaries over long documents written after 2022."""
