"""Trouble as it comes in the field: broken inputs, killed runs, full disks, hostile files; python -m hardening."""
