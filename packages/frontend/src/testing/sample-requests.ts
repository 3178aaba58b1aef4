import { TARGET } from './test-builds.ts'
import type { Fixture } from './fixture.ts'
import { fixtures } from '@copr/domain/testing/fixtures'

/** A request that succeeds for the owner of dana/telescope. */
export interface SampleRequest {
  /** Path parameters that replace the usual values. */
  path?: Record<string, string>
  query?: Record<string, string>
  json?: unknown
  form?: FormData
}

const PACKAGE = { ...TARGET, package_name: 'lenscap' }
const SCM = { clone_url: 'https://git.example.org/lens.git' }
const AT = { ownername: 'dana', projectname: 'telescope' }

/** Samples by method and path. If a route has no sample, the tests that cover every route fail. */
export const SAMPLES: Record<string, (fixture: Fixture) => SampleRequest | Promise<SampleRequest>> =
  {
    'GET /': () => ({}),
    'GET /auth-check': () => ({}),
    'POST /api-token': () => ({}),
    'GET /openapi.json': () => ({}),
    'GET /swagger.json': () => ({}),
    'GET /docs': () => ({}),
    'GET /gssapi_login': () => ({}),
    'GET /gssapi_login/web-ui': () => ({}),
    'GET /project': () => ({ query: AT }),
    'GET /project/list': () => ({ query: { ownername: 'dana' } }),
    'GET /project/search': () => ({ query: { query: 'telescope' } }),
    'POST /project/add/{ownername}': () => ({
      json: { name: 'new', chroots: ['debian-12-x86_64'] },
    }),
    'PUT /project/edit/{ownername}/{projectname}': () => ({ json: { description: 'Better' } }),
    'POST /project/fork/{ownername}/{projectname}': () => ({
      path: { ownername: 'dana', projectname: 'telescope' },
      json: { name: 'binoculars', ownername: 'dana' },
    }),
    'DELETE /project/delete/{ownername}/{projectname}': () => ({
      path: { projectname: 'other' },
      json: { verify: true },
    }),
    'PUT /project/regenerate-repos/{ownername}/{projectname}': () => ({}),
    'GET /project/permissions/can_build_in/{who}/{ownername}/{projectname}': () => ({
      path: { who: 'kim' },
    }),
    'GET /project/permissions/get/{ownername}/{projectname}': () => ({}),
    'PUT /project/permissions/set/{ownername}/{projectname}': () => ({
      json: { kim: { builder: 'approved' } },
    }),
    'PUT /project/permissions/request/{ownername}/{projectname}': () => ({ json: { admin: true } }),
    'GET /project-chroot': () => ({ query: { ...AT, chrootname: 'fedora-43-x86_64' } }),
    'GET /project-chroot/build-config': () => ({
      query: { ...AT, chrootname: 'fedora-43-x86_64' },
    }),
    'PUT /project-chroot/edit/{ownername}/{projectname}/{chrootname}': () => ({
      json: { additional_packages: 'gcc' },
    }),
    'GET /package': () => ({ query: { ...AT, packagename: 'lenscap', with_latest_build: 'True' } }),
    'GET /package/list': () => ({ query: { ...AT, with_latest_build: 'True' } }),
    'POST /package/add/{ownername}/{projectname}/{package_name}/{source_type}': () => ({
      path: { package_name: 'lens' },
      json: { ...SCM, package_name: 'lens' },
    }),
    'POST /package/edit/{ownername}/{projectname}/{package_name}': () => ({
      json: { committish: 'next' },
    }),
    'POST /package/edit/{ownername}/{projectname}/{package_name}/{source_type}': () => ({
      json: SCM,
    }),
    'PUT /package/reset': () => ({ json: PACKAGE }),
    'POST /package/build': () => ({ json: PACKAGE }),
    'DELETE /package/delete': async ({ t, running_build }) => {
      const over = { finished_at: t.frontend.now(), state: 'failed' as const }
      await fixtures(t.db).updateTable('build').set(over).where('id', '=', running_build).execute()
      return { json: PACKAGE }
    },
    'GET /build/{build_id}': () => ({}),
    'GET /build/{build_id}/why': () => ({}),
    'GET /build/list': () => ({ query: AT }),
    'GET /build/source-chroot/{build_id}': () => ({}),
    'GET /build/source-build-config/{build_id}': () => ({}),
    'GET /build/built-packages/{build_id}': () => ({}),
    'PUT /build/cancel/{build_id}': ({ running_build }) => ({
      path: { build_id: String(running_build) },
    }),
    'POST /build/check-before-build': () => ({ json: TARGET }),
    'POST /build/create/url': () => ({
      json: { ...TARGET, pkgs: ['https://sources.example.org/hello-2.12-1.src.rpm'] },
    }),
    'POST /build/create/upload': async () => {
      const { helloSrpm } = await import('./test-builds.ts')
      const { uploadForm } = await import('./make-srpm.ts')
      return { form: uploadForm(await helloSrpm(), TARGET) }
    },
    'POST /build/create/scm': () => ({ json: { ...TARGET, ...SCM } }),
    'POST /build/create/distgit': () => ({ json: { ...TARGET, package_name: 'lenscap' } }),
    'POST /build/create/pypi': () => ({ json: { ...TARGET, pypi_package_name: 'lenscap' } }),
    'POST /build/create/rubygems': () => ({ json: { ...TARGET, gem_name: 'lenscap' } }),
    'POST /build/create/custom': () => ({
      json: { ...TARGET, script: '#!/bin/sh\n', chroot: 'fedora-43-x86_64' },
    }),
    'DELETE /build/delete/{build_id}': () => ({}),
    'DELETE /build/delete/list': ({ finished_build }) => ({ json: { builds: [finished_build] } }),
    'GET /build-chroot': ({ finished_build }) => ({ query: chroot(finished_build) }),
    'GET /build-chroot/{build_id}/{chrootname}': () => ({}),
    'GET /build-chroot/list': ({ finished_build }) => ({ query: chroot(finished_build) }),
    'GET /build-chroot/list/{build_id}': () => ({}),
    'GET /build-chroot/build-config': ({ finished_build }) => ({ query: chroot(finished_build) }),
    'GET /build-chroot/build-config/{build_id}/{chrootname}': () => ({}),
    'GET /build-chroot/built-packages': ({ finished_build }) => ({ query: chroot(finished_build) }),
    'POST /chain/create': () => ({ json: TARGET }),
    'PUT /chain/start/{chain_id}': () => ({}),
    'PUT /chain/cancel/{chain_id}': () => ({}),
    'GET /chain/{chain_id}': () => ({}),
    'GET /mock-chroots/list': () => ({}),
    'GET /monitor': () => ({ query: AT }),
    'POST /webhook/generate/{ownername}/{projectname}': () => ({}),
    'GET /outgoing-webhook/list/{ownername}/{projectname}': () => ({}),
    'POST /outgoing-webhook/add/{ownername}/{projectname}': () => ({
      json: { url: 'https://hooks.example.org/', events: ['chroot.started', 'build.finished'] },
    }),
    'PUT /outgoing-webhook/edit/{ownername}/{projectname}/{webhook_id}': () => ({
      json: { url: 'https://hooks.example.org/other', enabled: false },
    }),
    'POST /outgoing-webhook/new-secret/{ownername}/{projectname}/{webhook_id}': () => ({}),
    'DELETE /outgoing-webhook/delete/{ownername}/{projectname}/{webhook_id}': () => ({}),
    'POST /outgoing-webhook/test/{ownername}/{projectname}/{webhook_id}': () => ({}),
    'GET /outgoing-webhook/deliveries/{ownername}/{projectname}/{webhook_id}': () => ({}),
    'POST /outgoing-webhook/resend/{ownername}/{projectname}/{delivery_id}': () => ({}),
    'GET /webhook/settings/{ownername}/{projectname}': () => ({}),
    'PUT /webhook/settings/{ownername}/{projectname}': () => ({ json: { pull_requests: 'own' } }),
    'POST /webhook/signing-secret/{ownername}/{projectname}': () => ({
      json: { secret: `whsec_${'A'.repeat(43)}=` },
    }),
    'GET /webhook/deliveries/{ownername}/{projectname}': () => ({}),
    'GET /webhook/delivery/{ownername}/{projectname}/{delivery_id}': () => ({}),
    'POST /webhook/replay/{ownername}/{projectname}/{delivery_id}': () => ({}),
    'GET /project/secrets/{ownername}/{projectname}': () => ({}),
    'PUT /project/secrets/{ownername}/{projectname}': () => ({
      json: { kind: 'git', url: 'https://git.example.org/', username: 'dana', password: 'canary' },
    }),
    'DELETE /project/secrets/{ownername}/{projectname}/{secret_id}': () => ({}),
    'GET /rpmrepo/{ownername}/{dirname}/{name_release}': () => ({}),
  }

function chroot(build: number): Record<string, string> {
  return { build_id: String(build), chrootname: 'fedora-43-x86_64' }
}

/** Values of path parameters that a sample does not set itself. */
export function usualPath({ finished_build, chain }: Fixture): Record<string, string> {
  return {
    ownername: 'dana',
    projectname: 'telescope',
    dirname: 'telescope',
    chrootname: 'fedora-43-x86_64',
    name_release: 'fedora-43',
    package_name: 'lenscap',
    source_type: 'scm',
    build_id: String(finished_build),
    chain_id: String(chain),
    who: 'kim',
    // The only webhook of dana/telescope, and its only delivery.
    webhook_id: '1',
    delivery_id: '1',
    secret_id: '1',
  }
}
