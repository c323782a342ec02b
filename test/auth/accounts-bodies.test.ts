import { expect, test } from 'bun:test'
import { describeAccounts, newEmail, PASSWORD, storedUsers } from '../support/accounts.ts'
import type { Answer } from '../support/api.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

const expectInvalid = (
  { status, json }: Answer,
  path: string,
  errors: { field: string; message: string }[],
) => {
  expect(status).toBe(400)
  const detail = `${errors[0]?.field} ${errors[0]?.message}`
  expect(json).toEqual({
    type: 'about:blank',
    title: 'Bad Request',
    status: 400,
    code: 'invalid_request',
    detail,
    message: detail,
    instance: path,
    request_id: expect.any(String),
    errors,
  })
}

describeAccounts('the body of signup and login', ({ signUp, logIn, send, engine, logged }) => {
  for (const [path, request] of [
    ['/api/auth/signup', signUp],
    ['/api/auth/login', logIn],
  ] as const) {
    const good = () => ({ email: newEmail(), password: PASSWORD })
    const isRequired = 'is required'
    const notText = (field: string) => ({
      field,
      message: path.endsWith('signup') && field === 'email' ? 'must be an email address' : 'must be a string',
    })
    const isWellFormed = 'must not contain NUL characters or unpaired surrogates'

    test(`${path}: a field that is missing, null or of another type is told by its name`, async () => {
      for (const field of ['email', 'password']) {
        expectInvalid(await request({ ...good(), [field]: undefined }), path, [
          { field, message: isRequired },
        ])
        for (const value of [null, 0, 1, true, false, [], ['a@example.com'], {}, { toString: 'x' }])
          expectInvalid(await request({ ...good(), [field]: value }), path, [notText(field)])
      }
      expectInvalid(await request({}), path, [
        { field: 'email', message: isRequired },
        { field: 'password', message: isRequired },
      ])
      expectInvalid(await request({ Email: newEmail(), PASSWORD }), path, [
        { field: 'email', message: isRequired },
        { field: 'password', message: isRequired },
      ])
    })

    test(`${path}: a nested value is refused, whatever is in it`, async () => {
      const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
      const nested = [
        '{"toString":1}',
        '[{"toString":1,"valueOf":1}]',
        '{"toJSON":1}',
        '{"__proto__":null}',
        deep,
      ]
      for (const value of nested)
        expectInvalid(await request(`{"email":${value},"password":"x"}`, { headers: JSON_TYPE }), path, [
          notText('email'),
        ])
      const body = `{"other":${deep}}`
      expect((await request(body, { headers: JSON_TYPE })).status).toBe(400)
    })

    test(`${path}: NUL characters and unpaired surrogates in a password are refused`, async () => {
      for (const broken of ['\0', '\ud800', '\udfff', '\udc00\ud800'])
        expectInvalid(await request({ ...good(), password: `${PASSWORD}${broken}` }), path, [
          { field: 'password', message: isWellFormed },
        ])
    })

    test(`${path}: what is not an object is refused`, async () => {
      for (const body of ['[]', '[{"email":"a@example.com"}]', 'null', 'true', '1', '"text"'])
        expectInvalid(await request(body, { headers: JSON_TYPE }), path, [
          { field: 'body', message: 'must be an object' },
        ])
    })

    test(`${path}: what is not JSON, or nothing at all, is malformed`, async () => {
      const invalidUtf8 = new Uint8Array([...Buffer.from('{"email":"'), 0xff, ...Buffer.from('"}')])
      for (const body of [
        '{',
        '{"email":}',
        "{'email':'x'}",
        'undefined',
        '{}{}',
        '\u0000',
        invalidUtf8,
        '',
      ]) {
        const { status, json } = await request(body, { headers: JSON_TYPE })
        expect(status).toBe(400)
        expect(json).toMatchObject({ code: 'malformed_json', instance: path })
        expect(json).not.toHaveProperty('errors')
      }
      expect((await request(undefined)).status).toBe(400)
    })

    test(`${path}: another type, or none, is unsupported, though it may be JSON with a charset`, async () => {
      const body = new TextEncoder().encode(JSON.stringify({ password: PASSWORD }))
      for (const type of [
        'text/plain',
        'application/x-www-form-urlencoded',
        'multipart/form-data; boundary=x',
      ]) {
        const answer = await request(body, { headers: { 'content-type': type } })
        expect(answer.status).toBe(415)
        expect(answer.json).toMatchObject({ code: 'unsupported_media_type' })
      }
      expect((await request(body)).status).toBe(415)
      for (const type of ['application/json; charset=utf-8', 'Application/JSON'])
        expect((await request(body, { headers: { 'content-type': type } })).status).toBe(400)
    })

    test(`${path}: a field of 1 MB is too large, whichever it is, whatever the type`, async () => {
      const large = 'x'.repeat(2 ** 20)
      for (const body of [
        { ...good(), email: large },
        { ...good(), password: large },
        { ...good(), name: large },
      ]) {
        const answer = await request(body)
        expect(answer.status).toBe(413)
        expect(answer.json).toMatchObject({ code: 'payload_too_large', title: 'Content Too Large' })
      }
      expect((await request(large, { headers: { 'content-type': 'text/plain' } })).status).toBe(413)
      expect((await request(large)).status).toBe(413)
    })
  }

  test('may have a password of many kilobytes: too long at signup, only wrong at login', async () => {
    const password = 'é'.repeat(20_000)
    expectInvalid(await signUp({ email: newEmail(), password }), '/api/auth/signup', [
      { field: 'password', message: 'must have 8 to 128 characters' },
    ])
    expect((await logIn({ email: newEmail(), password })).status).toBe(401)
  })

  test('tells all that is wrong with a signup at once', async () => {
    expectInvalid(await signUp({ email: 'nobody', password: 1 }), '/api/auth/signup', [
      { field: 'email', message: 'must be an email address' },
      { field: 'password', message: 'must be a string' },
    ])
  })

  test('says nothing about an email that could be none at login: it is only unknown', async () => {
    expect((await logIn({ email: 'nobody', password: PASSWORD })).status).toBe(401)
    expectInvalid(await logIn({ email: 'nobody\0', password: PASSWORD }), '/api/auth/login', [
      { field: 'email', message: 'must not contain NUL characters or unpaired surrogates' },
    ])
  })

  test('of a request that has the fields in its query instead is missing', async () => {
    const email = newEmail()
    const { status } = await send('POST', `/api/auth/signup?email=${email}&password=${PASSWORD}`, {
      body: {},
    })
    expect(status).toBe(400)
    expect(await storedUsers(engine, email)).toEqual([])
    expect(JSON.stringify(logged())).not.toInclude(email)
  })
})
