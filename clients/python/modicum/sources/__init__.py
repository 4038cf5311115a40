"""What a user has on disk, read and checked before anything is sent: pictures, labels, inputs, model files."""
