/** Run before the service: at a SIGUSR2 the clock by which it tells how old something is goes 10 minutes on. */
const now = performance.now.bind(performance)
let skippedMs = 0

performance.now = () => now() + skippedMs
process.on('SIGUSR2', () => {
  skippedMs += 10 * 60 * 1000
  console.log('ten minutes later')
})
