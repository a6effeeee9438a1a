"""Networks that estimate optical flow, and the pictures that saliency networks see of it."""
