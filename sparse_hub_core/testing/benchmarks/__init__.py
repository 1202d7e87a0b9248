"""What every benchmark must hold. Free of torch, so that checking one takes no longer than its own work."""
