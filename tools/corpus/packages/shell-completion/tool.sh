#!/bin/bash
echo "version @VERSION@"
