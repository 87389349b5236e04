"""Who is who from frame to frame, and how they move: ids, smoothing, gaps. Plain numpy."""
