"""Everything that made the demo model: tokenizer builder, data generator, training and measuring."""
