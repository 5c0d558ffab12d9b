"""From a call to bytes on the wire and back: session, credentials, policies, pipeline."""
