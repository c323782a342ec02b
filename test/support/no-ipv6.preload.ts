/** Run before the service: `Bun.serve` does what it does on a machine whose kernel has no IPv6. */
const serve = Bun.serve

Bun.serve = ((options: Parameters<typeof serve>[0]) => {
  if ('hostname' in options && options.hostname?.includes(':'))
    throw Object.assign(new Error('EAFNOSUPPORT: address family not supported, listen'), {
      code: 'EAFNOSUPPORT',
      syscall: 'listen',
    })
  return serve(options)
}) as typeof serve
