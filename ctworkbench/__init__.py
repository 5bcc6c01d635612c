"""CT Workbench: from routine head CTs of children to regional brain volumes that can be trusted."""

__version__ = "0.1.0"
