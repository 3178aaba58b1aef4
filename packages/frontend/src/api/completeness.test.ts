import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { urlPath } from '../api-description/route-names.ts'
import { openTestFrontend } from '../testing/test-frontend.ts'
import { buildApi } from './api.ts'

/** Every method and path of Copr's API v3, including deprecated ones. */
const COPR = `
GET /
GET /auth-check
POST /api-token
GET /gssapi_login
GET /gssapi_login/web-ui
GET /docs
GET /swagger.json
GET /project
GET /project/list
GET /project/search
POST /project/add/{ownername}
PUT POST /project/edit/{ownername}/{projectname}
POST PUT /project/fork/{ownername}/{projectname}
DELETE POST /project/delete/{ownername}/{projectname}
PUT POST /project/regenerate-repos/{ownername}/{projectname}
GET /project/permissions/can_build_in/{who}/{ownername}/{projectname}
GET /project/permissions/get/{ownername}/{projectname}
PUT POST /project/permissions/set/{ownername}/{projectname}
PUT POST /project/permissions/request/{ownername}/{projectname}
GET /project-chroot
GET /project-chroot/build-config
PUT POST /project-chroot/edit/{ownername}/{projectname}/{chrootname}
GET /package
GET /package/list
POST /package/add/{ownername}/{projectname}/{package_name}/{source_type}
POST /package/edit/{ownername}/{projectname}/{package_name}
POST /package/edit/{ownername}/{projectname}/{package_name}/{source_type}
PUT POST /package/reset
POST /package/build
DELETE POST /package/delete
GET /build/{build_id}
GET /build/list
GET /build/source-chroot/{build_id}
GET /build/source-build-config/{build_id}
GET /build/built-packages/{build_id}
PUT POST /build/cancel/{build_id}
POST /build/check-before-build
POST /build/create/url
POST /build/create/upload
POST /build/create/scm
POST /build/create/distgit
POST /build/create/pypi
POST /build/create/rubygems
POST /build/create/custom
DELETE POST /build/delete/{build_id}
DELETE POST /build/delete/list
GET /build-chroot
GET /build-chroot/{build_id}/{chrootname}
GET /build-chroot/list
GET /build-chroot/list/{build_id}
GET /build-chroot/build-config
GET /build-chroot/build-config/{build_id}/{chrootname}
GET /build-chroot/built-packages
GET /mock-chroots/list
GET /monitor
POST /webhook/generate/{ownername}/{projectname}
GET /rpmrepo/{ownername}/{dirname}/{name_release}
POST /module/build/{ownername}/{projectname}
`
  .trim()
  .split('\n')
  .flatMap((line) => {
    const words = line.split(' ')
    const path = words.pop() ?? ''
    return words.map((method) => `${method} ${path}`)
  })

/** The rows of the table "Not supported", with the reason for each. */
const NOT_SUPPORTED = new Map(
  readFileSync(new URL('../../../../docs/compatibility.md', import.meta.url), 'utf8')
    .split(/^## /m)
    .find((part) => part.startsWith('Not supported'))
    ?.split('\n')
    .flatMap((line) => {
      const [, route = '', reason = ''] = /^\| `([A-Z]+ [^`]+)` \| (.{20,}) \|$/.exec(line) ?? []
      return route ? [[route, reason] as const] : []
    }),
)

/** The only routes that may be missing and that the table may therefore list. */
const MAY_BE_LEFT_OUT = /^(POST \/module\/|GET \/gssapi_login)/

const t = await openTestFrontend()
after(() => t[Symbol.asyncDispose]())
const { routes } = buildApi(t.frontend)
const ours = new Set(routes.map(({ method, path }) => `${method} ${urlPath(path)}`))

for (const route of COPR)
  test(`${route} is implemented, or documented as not supported with a reason`, () => {
    if (NOT_SUPPORTED.has(route)) {
      assert.match(route, MAY_BE_LEFT_OUT)
      return
    }
    assert.ok(ours.has(route), `${route} has no handler, and no reason in docs/compatibility.md`)
  })
