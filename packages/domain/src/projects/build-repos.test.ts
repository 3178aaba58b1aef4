import assert from 'node:assert/strict'
import { test } from 'node:test'
import { additionalRepoUrls, type BuildReposInput, reposForBuild } from './build-repos.ts'

const INPUT: BuildReposInput = {
  project: {
    ownername: '@orbit',
    name: 'telescope',
    additional_repos: ['https://project.example.org/'],
    devel_mode: true,
    module_hotfixes: true,
    repo_priority: 7,
  },
  dirname: 'telescope:pr:12',
  chroot: 'fedora-43-x86_64',
  chroot_repos: ['copr://dana/libs', 'copr://dana/nothing'],
  results_url: 'https://r.example.org/results',
  copr_projects: new Map([['dana/libs', { module_hotfixes: true }]]),
}

test('reposForBuild() returns the repositories of the project and its directory, then the additional ones', () => {
  const repos = reposForBuild(INPUT)
  assert.deepEqual(
    repos.map(({ id, baseurl, priority }) => [id, baseurl, priority]),
    [
      ['copr_base', 'https://r.example.org/results/@orbit/telescope/fedora-43-x86_64/', 7],
      [
        'copr_base_devel',
        'https://r.example.org/results/@orbit/telescope/fedora-43-x86_64/devel/',
        7,
      ],
      ['copr_coprdir', 'https://r.example.org/results/@orbit/telescope:pr:12/fedora-43-x86_64/', 7],
      ['https_project_example_org', 'https://project.example.org/', null],
      ['copr_dana_libs', 'https://r.example.org/results/dana/libs/fedora-43-x86_64/', null],
      ['copr_dana_nothing', 'https://r.example.org/results/dana/nothing/fedora-43-x86_64/', null],
    ],
  )
  assert.deepEqual(
    repos.map(({ module_hotfixes, repo_gpgcheck }) => [module_hotfixes, repo_gpgcheck]),
    [
      [true, false],
      [null, false],
      [null, false],
      [null, null],
      [true, false],
      [null, null],
    ],
  )
})

test('additionalRepoUrls() lists the project itself, then the additional repositories of the chroot, then those of the project', () => {
  assert.deepEqual(additionalRepoUrls(INPUT), [
    'copr://@orbit/telescope',
    'copr://dana/libs',
    'copr://dana/nothing',
    'https://project.example.org/',
    'copr://@orbit/telescope/devel',
  ])
})
