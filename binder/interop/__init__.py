"""Others' tools: spaces in their protocols and formats. Floor: interop, above space; each file needs its own library."""
