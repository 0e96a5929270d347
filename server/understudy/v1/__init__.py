"""Generated from proto/understudy/v1; do not edit."""
