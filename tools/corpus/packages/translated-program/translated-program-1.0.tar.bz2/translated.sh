#!/bin/sh
TEXTDOMAIN=translated-program gettext "Hello"
echo
