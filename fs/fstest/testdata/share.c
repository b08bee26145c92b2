// share uses a mapped file as programs in C do: MODE FILE. It prints what went wrong, and exits with 1.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(x) do { if (!(x)) { printf("%s:%d: %s: %s\n", __FILE__, __LINE__, #x, strerror(errno)); exit(1); } } while (0)

enum { processes = 3, rounds = 2000 };

struct shared {
	pthread_mutex_t mutex;
	pthread_cond_t cond;
	_Atomic int word;
	long counter;
	char text[64];
};

static const char *path;

// open_shared maps the file by its name, as a process does that has nothing to do with the others.
static struct shared *open_shared(void) {
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0);
	CHECK(ftruncate(fd, sizeof(struct shared)) == 0);
	struct shared *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(s != MAP_FAILED);
	CHECK(close(fd) == 0);
	return s;
}

static void init_mutex(struct shared *s) {
	pthread_mutexattr_t a;
	CHECK(pthread_mutexattr_init(&a) == 0);
	CHECK(pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED) == 0);
	CHECK(pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST) == 0);
	CHECK(pthread_mutex_init(&s->mutex, &a) == 0);
	pthread_condattr_t c;
	CHECK(pthread_condattr_init(&c) == 0);
	CHECK(pthread_condattr_setpshared(&c, PTHREAD_PROCESS_SHARED) == 0);
	CHECK(pthread_cond_init(&s->cond, &c) == 0);
}

static void reap(int n) {
	while (n-- > 0) {
		int status;
		CHECK(wait(&status) > 0);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
}

static void mutex(void) {
	struct shared *s = open_shared();
	init_mutex(s);
	for (int i = 0; i < processes; i++)
		if (fork() == 0) {
			struct shared *own = open_shared();
			for (int j = 0; j < rounds; j++) {
				CHECK(pthread_mutex_lock(&own->mutex) == 0);
				own->counter++;
				CHECK(pthread_mutex_unlock(&own->mutex) == 0);
			}
			exit(0);
		}
	reap(processes);
	CHECK(s->counter == (long)processes * rounds);
}

static void robust(void) {
	struct shared *s = open_shared();
	init_mutex(s);
	if (fork() == 0) {
		CHECK(pthread_mutex_lock(&open_shared()->mutex) == 0);
		_exit(0);
	}
	reap(1);
	CHECK(pthread_mutex_lock(&s->mutex) == EOWNERDEAD);
	CHECK(pthread_mutex_consistent(&s->mutex) == 0);
	CHECK(pthread_mutex_unlock(&s->mutex) == 0);
}

static void condition(void) {
	struct shared *s = open_shared();
	init_mutex(s);
	if (fork() == 0) {
		struct shared *own = open_shared();
		CHECK(pthread_mutex_lock(&own->mutex) == 0);
		own->counter = 7;
		CHECK(pthread_cond_signal(&own->cond) == 0);
		CHECK(pthread_mutex_unlock(&own->mutex) == 0);
		exit(0);
	}
	CHECK(pthread_mutex_lock(&s->mutex) == 0);
	while (s->counter != 7)
		CHECK(pthread_cond_wait(&s->cond, &s->mutex) == 0);
	CHECK(pthread_mutex_unlock(&s->mutex) == 0);
	reap(1);
}

// await waits until the word is want, by a futex that is not private to a process.
static void await(_Atomic int *word, int want) {
	for (int now; (now = atomic_load(word)) != want;) {
		struct timespec limit = {.tv_sec = 10};
		long r = syscall(SYS_futex, word, FUTEX_WAIT, now, &limit, NULL, 0);
		CHECK(r == 0 || errno == EAGAIN || errno == EINTR);
	}
}

static void post(_Atomic int *word, int value) {
	atomic_store(word, value);
	CHECK(syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0) >= 0);
}

static void futex(void) {
	struct shared *s = open_shared();
	if (fork() == 0) {
		struct shared *own = open_shared();
		for (int i = 0; i < rounds; i += 2) {
			await(&own->word, i + 1);
			post(&own->word, i + 2);
		}
		exit(0);
	}
	for (int i = 0; i < rounds; i += 2) {
		post(&s->word, i + 1);
		await(&s->word, i + 2);
	}
	reap(1);
}

// inherit maps, unlinks, and then forks: the child has the mapping, and nothing else.
static void inherit(void) {
	struct shared *s = open_shared();
	CHECK(unlink(path) == 0);
	if (fork() == 0) {
		if (fork() == 0) {
			await(&s->word, 1);
			strcpy(s->text, "from a grandchild");
			post(&s->word, 2);
			exit(0);
		}
		exit(0);
	}
	reap(1);
	post(&s->word, 1);
	await(&s->word, 2);
	CHECK(strcmp(s->text, "from a grandchild") == 0);
}

int main(int argc, char **argv) {
	static const struct { const char *name; void (*run)(void); } modes[] = {
		{"mutex", mutex}, {"robust", robust}, {"condition", condition}, {"futex", futex}, {"inherit", inherit},
	};
	if (argc != 3)
		return 2;
	path = argv[2];
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
		if (strcmp(argv[1], modes[i].name) == 0) {
			modes[i].run();
			return 0;
		}
	return 2;
}
