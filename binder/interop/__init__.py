"""Others' tools: spaces in their protocols and formats. Floor: interop, above space; a file needs its own library."""
