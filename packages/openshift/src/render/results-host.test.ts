import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Vars } from '@copr/contract/deployment/vars'
import { sampleFacts } from '../testing/facts.ts'
import { render } from './render.ts'

const RESULTS = 'results.example.org'
const vars = Vars.parse({
  expose: { host: 'copr.example.org', results_host: RESULTS, certificate: 'issuer:letsencrypt' },
})

for (const [exposure, kind] of [
  ['route', 'Route'],
  ['gateway', 'HTTPRoute'],
  ['ingress', 'Ingress'],
] as const)
  test(`results on their own host are exposed by ${kind}, and nothing else is on that host`, () => {
    const facts = sampleFacts('kubernetes')
    const gateway = { name: 'public', namespace: 'gateways' }
    const objects = render(vars, { ...facts, exposure, gateway })
    const exposing = objects.filter((each) => each.kind === kind)
    const components = exposing.flatMap(({ spec }) => hostsOf(spec as Spec))
    assert.deepEqual(
      components.filter(({ host }) => host === RESULTS).flatMap(({ paths }) => paths),
      ['/results'],
    )
    assert.ok(components.some(({ host }) => host !== RESULTS))
    const certificate = objects.find((each) => each.kind === 'Certificate')
    if (exposure !== 'gateway')
      assert.ok(JSON.stringify(certificate?.['spec']).includes(`"${RESULTS}"`))
    assert.ok(JSON.stringify(objects).includes(`https://${RESULTS}/results`))
  })

interface Spec {
  host?: string
  path?: string
  hostnames?: string[]
  rules?: {
    host?: string
    http?: { paths: { path: string }[] }
    matches?: { path: { value: string } }[]
  }[]
}

/** Returns the hosts of a Route, an HTTPRoute or an Ingress with their paths. */
function hostsOf({ host, path, hostnames, rules = [] }: Spec): { host: string; paths: string[] }[] {
  if (path !== undefined) return [{ host: host ?? '', paths: [path] }]
  if (hostnames)
    return hostnames.map((each) => ({
      host: each,
      paths: rules.flatMap(({ matches = [] }) => matches.map((match) => match.path.value)),
    }))
  return rules.map((rule) => ({
    host: rule.host ?? '',
    paths: rule.http?.paths.map((each) => each.path) ?? [],
  }))
}
