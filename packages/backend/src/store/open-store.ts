import type { Configuration } from '@copr/contract/configuration'
import { directoryStore } from './directory-store.ts'
import type { ResultsStore } from './results-store.ts'

/** Where the configuration wants results to be. */
export function openStore({ data_dir }: Pick<Configuration, 'data_dir'>): ResultsStore {
  return directoryStore(data_dir)
}
