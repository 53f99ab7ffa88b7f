# SPDX-License-Identifier: GPL-2.0-only
#
# For tests that all use one mount, of blocks smaller than a page.

load ../live/lib

setup_file() { fs_start --block-size=1024; }

teardown_file() { fs_stop; }
