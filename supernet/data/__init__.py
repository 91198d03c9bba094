"""Images on the device: reading, splitting, batches, augmentation."""
