"""What every masker must hold."""
