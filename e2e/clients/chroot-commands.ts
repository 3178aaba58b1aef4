import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type ClientFixture, createProject, inProject } from '@copr/testkit/clients/client-fixture'
import { DISTRO_CHROOT } from '@copr/demo-distro/chroot'

const PROJECT = 'rooms'
const PLACE = `${PROJECT}/${DISTRO_CHROOT}`

export function chrootCommands(fixture: () => ClientFixture): void {
  const inApi = async (): Promise<Record<string, unknown>> =>
    await fixture().get(
      `project-chroot?${inProject(fixture(), PROJECT)}&chrootname=${DISTRO_CHROOT}`,
    )

  test('`edit-chroot` changes every field of a chroot', async () => {
    const { cli, dir } = fixture()
    await createProject(fixture(), PROJECT)
    const comps = join(dir, 'comps.xml')
    writeFileSync(
      comps,
      '<?xml version="1.0"?>\n<comps><group><id>x</id><name>x</name></group></comps>\n',
    )
    const options = [
      ['--packages', 'gcc make'],
      ['--repos', 'https://one.example.org/ https://two.example.org/'],
      ['--modules', 'nodejs:22,!perl:5.40'],
      ['--rpmbuild-with', 'tests'],
      ['--rpmbuild-with', 'docs'],
      ['--rpmbuild-without', 'doc'],
      ['--isolation', 'simple'],
      ['--bootstrap', 'off'],
      ['--upload-comps', comps],
    ].flat()
    assert.equal(
      await cli.ok('edit-chroot', PLACE, ...options),
      'Edit chroot operation was successful.\n',
    )
    assert.deepEqual(await inApi(), {
      mock_chroot: DISTRO_CHROOT,
      ownername: cli.username,
      projectname: PROJECT,
      comps_name: 'comps.xml',
      additional_repos: ['https://one.example.org/', 'https://two.example.org/'],
      additional_packages: ['gcc', 'make'],
      additional_modules: ['nodejs:22', '!perl:5.40'],
      with_opts: ['tests', 'docs'],
      without_opts: ['doc'],
      isolation: 'simple',
      delete_after_days: null,
    })
    const profile = await cli.ok('mock-config', PROJECT, DISTRO_CHROOT)
    assert.match(profile, /chroot_additional_packages'\] = '\s*gcc make'/)
    assert.match(profile, /use_bootstrap'\] = False/)
    assert.match(await cli.fails(1, 'edit-chroot', PLACE, '--modules', 'not a module'), /modul/)
  })

  test('`get-chroot` prints a chroot', async () => {
    const { cli, kim } = fixture()
    const fields = JSON.parse(
      await cli.ok('get-chroot', PLACE, '--output-format', 'json'),
    ) as object
    assert.deepEqual(fields, await inApi())
    const text = await kim.ok('get-chroot', `${cli.username}/${PLACE}`, '--output-format', 'text')
    assert.match(text, /^with_opts: \['tests', 'docs'\]$/m)
    await cli.fails(1, 'get-chroot', `${PROJECT}/nope-1-x86_64`)
    await cli.fails(3, 'get-chroot', 'no-path')
  })

  test('`edit-chroot --reset` resets the given fields and leaves the others unchanged', async () => {
    const { cli } = fixture()
    const reset = ['additional_packages', 'with_opts', 'isolation'].flatMap((name) => [
      '--reset',
      name,
    ])
    await cli.ok('edit-chroot', PLACE, '--delete-comps', ...reset)
    const { additional_packages, with_opts, without_opts, isolation, comps_name } = await inApi()
    assert.deepEqual(
      { additional_packages, with_opts, without_opts, isolation, comps_name },
      {
        additional_packages: [],
        with_opts: [],
        without_opts: ['doc'],
        isolation: 'unchanged',
        comps_name: null,
      },
    )
    await cli.ok('edit-chroot', PLACE, '--repos', '', '--modules', '')
    const { additional_repos, additional_modules } = await inApi()
    assert.deepEqual(
      { additional_repos, additional_modules },
      { additional_repos: [], additional_modules: [] },
    )
    assert.match(await cli.fails(1, 'edit-chroot', PLACE, '--reset', 'nonsense'), /reset_fields/)
    await fixture().kim.fails(7, 'edit-chroot', `${cli.username}/${PLACE}`, '--packages', 'gcc')
  })
}
