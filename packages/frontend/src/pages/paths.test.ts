import assert from 'node:assert/strict'
import { test } from 'node:test'
import { paths } from './paths.ts'

test('pages have the same paths as in the reference system', () => {
  const own = { ownername: 'dana', name: 'telescope' }
  const group = { ownername: '@orbit', name: 'telescope' }
  const build = { id: 7, ownername: '@orbit', projectname: 'telescope' }
  assert.deepEqual(
    [
      paths.project(own),
      paths.project(group),
      paths.package(own, 'gtk++'),
      paths.build(build),
      paths.cancelBuild(build),
      paths.repoFile(group, 'fedora-43'),
      paths.owner('@orbit'),
      paths.login('/a?b=c'),
    ],
    [
      '/coprs/dana/telescope/',
      '/coprs/g/orbit/telescope/',
      '/coprs/dana/telescope/package/gtk%2B%2B/',
      '/coprs/g/orbit/telescope/build/7/',
      '/coprs/g/orbit/telescope/cancel_build/7/',
      '/coprs/g/orbit/telescope/repo/fedora-43/group_orbit-telescope-fedora-43.repo',
      '/coprs/g/orbit/',
      '/login/?next=%2Fa%3Fb%3Dc',
    ],
  )
})
