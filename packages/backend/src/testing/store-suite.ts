import { suite } from 'node:test'
import { indexTests } from './store-index-tests.ts'
import { logTests } from './store-log-tests.ts'
import { stagingTests } from './store-staging-tests.ts'
import { treeTests } from './store-tree-tests.ts'
import type { StoreFixture } from './store-fixture.ts'

/** Tests an implementation against the contract of a results store. */
export function storeSuite(name: string, open: () => Promise<StoreFixture>): void {
  suite(name, () => {
    logTests(open)
    stagingTests(open)
    treeTests(open)
    indexTests(open)
  })
}
