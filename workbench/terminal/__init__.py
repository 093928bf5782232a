"""What the `workbench` command is made of beside its front page: options that several words share, and groups of words."""
