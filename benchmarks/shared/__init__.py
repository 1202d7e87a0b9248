"""What several benchmark scripts need."""
