"""AIME 2024 and 2025: thirty competition problems each, whose answers are whole numbers from 0 to 999."""
