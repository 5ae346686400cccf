"""From a release to what a channel is asked to publish."""
