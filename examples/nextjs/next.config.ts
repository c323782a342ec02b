import type { NextConfig } from 'next'

export default {
  poweredByHeader: false,
  // This directory is a project of its own, whatever lock files lie above it.
  turbopack: { root: import.meta.dirname },
} satisfies NextConfig
