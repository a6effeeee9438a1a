"""The stages: how stores become a store. Knows disks, not layers."""
