import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ClientFixture, createProject, onlyBuild } from '@copr/testkit/clients/client-fixture'

const PROJECT = 'doors'

export function permissionCommands(fixture: () => ClientFixture): void {
  test('a user without permission cannot build, requests the permission, gets it, and builds', async () => {
    const { cli, kim, sources, system, ended } = fixture()
    const place = `${cli.username}/${PROJECT}`
    await createProject(fixture(), PROJECT)
    assert.match(await cli.fails(1, 'list-permissions', PROJECT), /permission/i)
    const srpm = await sources.make({ name: 'by-kim' })
    await kim.fails(7, 'build', place, srpm, '--nowait')
    await kim.fails(7, 'list-permissions', place)

    assert.equal(
      await kim.ok('request-permissions', place, '--builder', '--admin', 'request'),
      'success\n',
    )
    assert.equal(
      await cli.ok('list-permissions', PROJECT),
      'kim:\n  admin: request\n  builder: request\n',
    )
    await kim.fails(7, 'build', place, srpm, '--nowait')

    const edit = ['edit-permissions', PROJECT, '--builder', 'kim', '--admin', 'kim=nothing']
    assert.equal(await cli.ok(...edit), 'success\n')
    const { body } = await system.api.raw('GET', `project/permissions/get/${place}`)
    assert.deepEqual(body, { permissions: { kim: { admin: 'nothing', builder: 'approved' } } })
    const id = onlyBuild(await kim.ok('build', place, srpm, '--nowait'))
    const { state, submitter } = await ended(id)
    assert.deepEqual({ state, submitter }, { state: 'succeeded', submitter: 'kim' })
    await kim.fails(7, 'modify', place, '--description', 'mine')
  })

  test('a project admin may edit the project; roles can be removed again', async () => {
    const { cli, kim, get } = fixture()
    const place = `${cli.username}/${PROJECT}`
    await cli.ok('edit-permissions', PROJECT, '--admin', 'kim=approved')
    await kim.ok('modify', place, '--description', 'Edited by kim')
    const { description } = await get(`project?ownername=${cli.username}&projectname=${PROJECT}`)
    assert.equal(description, 'Edited by kim')
    await kim.fails(7, 'delete', place)
    assert.equal(await kim.ok('request-permissions', place, '--admin', 'nothing'), 'success\n')
    assert.match(await cli.ok('list-permissions', PROJECT), /admin: nothing/)
    await kim.fails(7, 'modify', place, '--description', 'no more')
  })

  test('invalid permissions are refused', async () => {
    const { cli, kim } = fixture()
    const place = `${cli.username}/${PROJECT}`
    await cli.fails(2, 'edit-permissions', PROJECT)
    await kim.fails(2, 'request-permissions', place)
    assert.match(await cli.fails(1, 'edit-permissions', PROJECT, '--admin', 'nobody'), /nobody/)
    await cli.fails(1, 'request-permissions', PROJECT, '--builder')
    await kim.fails(7, 'edit-permissions', place, '--admin', 'kim')
  })
}
