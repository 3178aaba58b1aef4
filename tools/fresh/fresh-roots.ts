import { debianRoot } from './debian-root.ts'
import type { FreshRoot } from './fresh-root.ts'
import { rpmRoot } from './rpm-root.ts'

/** One line for each; `make test-fresh` goes through them in this order. */
export const FRESH_ROOTS: readonly FreshRoot[] = [
  debianRoot({ name: 'debian-12', codename: 'bookworm' }),
  debianRoot({ name: 'debian-13', codename: 'trixie' }),
  rpmRoot(),
]
