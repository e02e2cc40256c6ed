"""Where money that arrived is read from: files, folders and HTTP, each an adapter behind one port."""
