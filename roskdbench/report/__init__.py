"""From the results frame to what people read: tables in many formats, and figures. Never torch."""
