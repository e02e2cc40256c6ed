"""The providers of each channel behind one port, one folder each; `registry.py` names them."""
