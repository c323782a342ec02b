const element = (id) => document.getElementById(id)
const apiUrl = document.querySelector('meta[name=api-url]').content
const list = element('list')

// Talking to the two services

/** Fetches; what is not a success becomes an Error with a text for people, the API's `detail` first. */
async function send(url, init) {
  const response = await fetch(url, init).catch(() => {
    throw new Error(`${new URL(url, location).host} cannot be reached. Try again in a moment.`)
  })
  if (response.ok) return response
  const problem = await response.json().catch(() => ({}))
  const text = problem.detail ?? problem.message ?? `The answer was ${response.status}.`
  throw Object.assign(new Error(text), { status: response.status })
}

const json = (method, body, headers) => ({
  method,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
})

/** Who is signed in, and the token in hand: in memory only, a reload asks for both again. */
let user
let token

/** What the token says; `exp` may be wrong by the clock here, but then the API's 401 tells. */
const claims = () => JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')))

/** Gets a token from the session. When that is over, or somebody else's by now, the page starts anew. */
async function renewToken() {
  const response = await send('/api/auth/token').catch((error) => {
    if (error.status === 401) location.reload()
    throw error
  })
  token = (await response.json()).token
  if (claims().sub === user.id) return
  location.reload()
  throw new Error('Somebody else has signed in.')
}

/** Asks the task API, with a new token where there is none, it has expired, or the API refuses it. */
async function api(path, init = {}) {
  const renew = !token || claims().exp * 1000 <= Date.now()
  if (renew) await renewToken()
  try {
    const headers = { ...init.headers, authorization: `Bearer ${token}` }
    return await send(apiUrl + path, { ...init, headers })
  } catch (error) {
    if (error.status !== 401 || renew) throw error
    token = undefined
    return api(path, init)
  }
}

// What the page shows

/** Runs what the controls of a region ask for, one after the other, and tells an error beside them. */
function attempt(region, action) {
  region.turn = Promise.resolve(region.turn)
    .then(action)
    .then(
      () => '',
      (error) => error.message,
    )
    .then((text) => {
      region.querySelector('[role=alert]').textContent = text
    })
}

const copy = (template) => element(template).content.firstElementChild.cloneNode(true)

function summarise() {
  const done = list.querySelectorAll(':checked').length
  const open = list.children.length - done
  element('summary').textContent = open + done ? `${open} to do, ${done} done` : 'Nothing here yet.'
}

/** Writes a task into its row, a new one or the one it has. */
function show(task, row = copy('row')) {
  const [box, edit] = row.querySelectorAll('input, button')
  box.checked = task.completed
  box.onchange = ({ target }) => {
    const wanted = target.checked
    attempt(row, () => complete(task.id, wanted, row))
  }
  edit.ariaLabel = `Edit ${task.title}`
  edit.onclick = () => attempt(row, () => openEditor(task.id, row))
  row.dataset.status = task.status
  row.querySelector('.title').textContent = task.title
  row.querySelector('.description').textContent = task.description
  return row
}

async function loadTasks() {
  const all = []
  for (let path = '/api/tasks'; path; ) {
    const response = await api(path)
    all.push(...(await response.json()))
    path = /<([^>]+)>; rel="next"/.exec(response.headers.get('link'))?.[1]
  }
  list.replaceChildren(...all.map((task) => show(task)))
  summarise()
}

async function complete(id, completed, row) {
  try {
    const response = await api(`/api/tasks/${id}/complete`, json('PATCH', { completed }))
    show(await response.json(), row)
  } catch (error) {
    row.querySelector('input').checked = !completed
    throw error
  }
  summarise()
}

/** Opens the task as it is now; its ETag keeps a save from undoing what was changed elsewhere since. */
async function openEditor(id, row) {
  const path = `/api/tasks/${id}`
  const response = await api(path)
  if (document.querySelector('dialog')) return // a second click was faster
  const version = { 'if-match': response.headers.get('etag') }
  const task = await response.json()
  const dialog = copy('editor')
  const form = dialog.querySelector('form')
  const [remove, cancel] = form.querySelectorAll('button')
  const { title, description, status } = form.elements
  title.value = task.title
  description.value = task.description ?? ''
  status.value = task.status

  form.onsubmit = (event) => {
    event.preventDefault()
    attempt(form, async () => {
      const body = { title: title.value, description: description.value || null, status: status.value }
      const answer = await api(path, json('PATCH', body, version))
      show(await answer.json(), row)
      summarise()
      dialog.close()
    })
  }
  remove.onclick = () =>
    attempt(form, async () => {
      await api(path, { method: 'DELETE', headers: version })
      row.remove()
      summarise()
      dialog.close()
      element('new-title').focus()
    })
  cancel.onclick = () => dialog.close()
  dialog.onclose = () => dialog.remove()
  document.body.append(dialog)
  dialog.showModal()
}

/** One key for each new task, however often it is sent: a retry after a lost answer adds no second one. */
let idempotencyKey = crypto.randomUUID()

element('add').oninput = () => {
  idempotencyKey = crypto.randomUUID()
}

element('add').onsubmit = (event) => {
  event.preventDefault()
  attempt(event.target, async () => {
    const title = element('new-title').value
    const key = idempotencyKey
    if (!title) return
    const response = await api('/api/tasks', json('POST', { title }, { 'idempotency-key': key }))
    list.prepend(show(await response.json()))
    summarise()
    if (key === idempotencyKey) event.target.reset()
  })
}

element('sign-in').onsubmit = (event) => {
  event.preventDefault()
  const { email, password } = event.target.elements
  attempt(event.target, async () => {
    const body = { email: email.value, password: password.value, name: email.value }
    await send(`/api/auth/${event.submitter.value}/email`, json('POST', body))
    location.reload()
  })
}

element('sign-out').onclick = () =>
  attempt(element('overview'), async () => {
    await send('/api/auth/sign-out', json('POST', {}))
    location.reload()
  })

element('refresh').onclick = () => attempt(element('overview'), loadTasks)

user = (await (await send('/api/auth/get-session')).json())?.user
element('sign-in').hidden = user
element('tasks').hidden = element('account').hidden = !user
if (user) {
  element('email').textContent = user.email
  attempt(element('overview'), loadTasks)
}
