"""A package, because the wheel of sleap-io brings a package of the same name."""
