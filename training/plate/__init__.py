"""What the plate pass is made from: networks that others trained, converted, and networks trained here."""
