import type { BootConfig } from '../providers/provider.ts'

/** Returns a machine's boot configuration for tests. */
export function sampleBoot(changes: Partial<BootConfig> = {}): BootConfig {
  return {
    enroll_token: 'enrollment-token-of-this-test-only',
    gateway_url: 'https://copr.example',
    name: 'aws_x86_00000012',
    arches: ['x86_64', 'i686'],
    tags: ['arch_x86_64'],
    agent: { sha256: 'a'.repeat(64), node_sha256: { x86_64: 'b'.repeat(64) } },
    dead_man: { enroll_seconds: 600, silence_seconds: 1200, lifetime_seconds: 86_400 },
    ...changes,
  }
}
