"""What a run says: tables on the screen and the HTML report."""
