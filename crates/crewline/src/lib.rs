//! Crewline as a library: the engine and an embedded store behind one call
