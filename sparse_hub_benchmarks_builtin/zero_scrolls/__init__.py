"""ZeroSCROLLS (TAU NLP): ten tasks over long texts, whose test answers are not published."""
