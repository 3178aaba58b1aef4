import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hintFor } from './failure-hints.ts'

/** Messages as clusters write them. */
for (const [what, said, sentence, command] of [
  [
    'Deployment a',
    'pods "a-1" is forbidden: exceeded quota: tight, requested: pods=1, used: pods=2, limited: pods=2',
    /the quota of the namespace does not allow it/,
    /describe quota/,
  ],
  ['Deployment a', 'keygen: ErrImagePull manifest unknown', /cannot pull its image/, /pull_secret/],
  [
    'Route copr',
    'HostAlreadyClaimed: route a already exposes it',
    /another Route claims this host/,
    /oc get routes/,
  ],
  [
    'Route copr',
    'not admitted yet: no router has processed it',
    /no router admitted it/,
    /describe route/,
  ],
  [
    'PersistentVolumeClaim database',
    'FailedBinding: no persistent volumes available for this claim and no storage class is set',
    /no volume was provisioned/,
    /storage\.class/,
  ],
  [
    'Deployment a',
    '0/3 nodes are available: 3 Insufficient memory.',
    /no node has capacity/,
    /smaller profile/,
  ],
  [
    'Deployment a',
    'pods "a" is forbidden: violates PodSecurity "restricted:latest"',
    /a security policy of the cluster refuses/,
    /restricted-v2/,
  ],
  [
    'Deployment a',
    'frontend: CrashLoopBackOff exit code 1: x',
    /keeps exiting/,
    /logs deployment\/a --all-containers/,
  ],
  [
    'Role x',
    'roles.rbac.authorization.k8s.io is forbidden: User "eve" cannot create resource "roles"',
    /you lack a right/,
    /add-role-to-user admin/,
  ],
  [
    'ObjectBucketClaim results',
    'no bucket yet: the claim is Pending',
    /did not create the bucket/,
    /storage\.results\.s3\.bucket_claim\.storage_class/,
  ],
  [
    'ObjectBucketClaim results',
    '404 page not found',
    /does not know this kind of object/,
    /api-resources/,
  ],
  ['Job x', 'something new', /^Job x: something new$/, /get events/],
] as const)
  test(`hintFor() of ${what}: ${said.slice(0, 50)}`, () => {
    const hint = hintFor(what, said, 'copr')
    assert.match(hint.sentence, sentence)
    assert.match(hint.command, command)
  })
