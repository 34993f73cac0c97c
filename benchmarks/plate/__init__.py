"""How good the video-plate pass is: measures, an independent critic of sync, and the table."""
