import { test } from 'node:test'
import { measuredRoutes } from '../bench/api/cases.ts'
import { benchSite, readPaths } from '../bench/api/site.ts'

test('make bench-api measures every page and every GET route of the API, or states why it does not', () => {
  measuredRoutes(readPaths(benchSite('postgres://nobody@127.0.0.1:1/none')))
})
