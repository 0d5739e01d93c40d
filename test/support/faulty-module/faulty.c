/*
 * A PKCS#11 module that stands in front of another one and misbehaves as a plan tells it.
 *
 *   FAULTY_MODULE_TARGET   path of the module behind it, for example SoftHSM's
 *   FAULTY_MODULE_PLAN     path of the plan; no such file, or an empty one: every call goes through
 *   FAULTY_MODULE_CALLS    path of a file that gets one line a call when it begins: `C_Sign 4711`, with the process id
 *
 * The plan may change at any time; each call looks. Replace the file by a rename, so that no half of it is ever read.
 * Each line is one rule, `#` begins a comment:
 *
 *   FUNCTION FAULT [ARGUMENT] [after=N] [times=N] [every=N] [chance=P]
 *
 * FUNCTION is a name such as C_Sign, or `*`: every function of the list at the end of this file, but C_Initialize and
 * C_Finalize. All rules that fit a call are applied, in their order, until one ends it. FAULT is one of
 *
 *   delay MS | FROM-TO        take that long, or a random time between the two, then go on: a network
 *   take MS                   go on, but return so long after the call began in the mean, what the module behind needs
 *                             included; of several the longest: a device whose work costs this machine's processors
 *                             nothing
 *   remember                  C_SignInit: note it, where the session is logged in, instead of calling the module behind.
 *                             C_Sign: answer what the same key has signed before, same mechanism and same data, from
 *                             memory, else have it signed. For single-part signatures; all is forgotten with a login,
 *                             with all sessions of a token or an object
 *   return CKR_NAME | 0xCODE  answer that instead of calling the module behind; codes of vendors go in hex
 *   hold                      wait until the plan changes, then go on
 *   hang                      never return
 *   crash SIGSEGV | SIGABRT | SIGKILL
 *   close-sessions            C_CloseAllSessions behind the caller's back (which logs out as well), then go on
 *   log-out                   C_Logout behind the caller's back, then go on
 *   absent                    the token is not there: C_GetSlotList finds none, other calls: CKR_DEVICE_REMOVED
 *   find-nothing              go on, but find no object (C_FindObjects)
 *   flip                      go on, then flip one bit of the signature (C_Sign)
 *   no-signing                go on, but deny that the mechanism signs (C_GetMechanismInfo)
 *   refuse CKA_NAME CKR_NAME  go on, but show that attribute to nobody (C_GetAttributeValue)
 *
 * and is limited by: `after=N`, not in the first N calls that it fits; `every=N`, in one of N; `chance=P`, at random;
 * `times=N`, at most N times. Counts begin with the plan and go on across processes and crashes: `crash SIGSEGV
 * times=1` lets the process that is started next live.
 *
 * Examples:
 *
 *   C_SignInit delay 2              # a network HSM
 *   C_Sign delay 3-8
 *   C_SignInit take 2               # a network HSM that is simulated at no cost
 *   C_SignInit remember
 *   C_Sign take 3
 *   C_Sign remember
 *   * take 1
 *   C_Sign return CKR_FUNCTION_FAILED chance=0.05
 *   C_Sign crash SIGSEGV after=100 times=1
 *   * absent
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pkcs11/pkcs11.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_RULES 64
#define MAX_PLAN 16384

/* Names */

struct name {
  const char *name;
  CK_ULONG value;
};

#define NAME(constant) {#constant, constant}

static const struct name NAMES[] = {
    NAME(CKR_ARGUMENTS_BAD),
    NAME(CKR_ATTRIBUTE_SENSITIVE),
    NAME(CKR_ATTRIBUTE_TYPE_INVALID),
    NAME(CKR_ATTRIBUTE_VALUE_INVALID),
    NAME(CKR_CRYPTOKI_NOT_INITIALIZED),
    NAME(CKR_DATA_INVALID),
    NAME(CKR_DATA_LEN_RANGE),
    NAME(CKR_DEVICE_ERROR),
    NAME(CKR_DEVICE_MEMORY),
    NAME(CKR_DEVICE_REMOVED),
    NAME(CKR_FUNCTION_FAILED),
    NAME(CKR_GENERAL_ERROR),
    NAME(CKR_HOST_MEMORY),
    NAME(CKR_KEY_FUNCTION_NOT_PERMITTED),
    NAME(CKR_KEY_HANDLE_INVALID),
    NAME(CKR_KEY_SIZE_RANGE),
    NAME(CKR_KEY_TYPE_INCONSISTENT),
    NAME(CKR_MECHANISM_INVALID),
    NAME(CKR_MECHANISM_PARAM_INVALID),
    NAME(CKR_OBJECT_HANDLE_INVALID),
    NAME(CKR_OPERATION_ACTIVE),
    NAME(CKR_OPERATION_NOT_INITIALIZED),
    NAME(CKR_PIN_EXPIRED),
    NAME(CKR_PIN_INCORRECT),
    NAME(CKR_PIN_INVALID),
    NAME(CKR_PIN_LEN_RANGE),
    NAME(CKR_PIN_LOCKED),
    NAME(CKR_SESSION_CLOSED),
    NAME(CKR_SESSION_COUNT),
    NAME(CKR_SESSION_HANDLE_INVALID),
    NAME(CKR_SLOT_ID_INVALID),
    NAME(CKR_TEMPLATE_INCONSISTENT),
    NAME(CKR_TOKEN_NOT_PRESENT),
    NAME(CKR_TOKEN_WRITE_PROTECTED),
    NAME(CKR_USER_ALREADY_LOGGED_IN),
    NAME(CKR_USER_NOT_LOGGED_IN),
    NAME(CKR_USER_PIN_NOT_INITIALIZED),
    NAME(CKA_ALLOWED_MECHANISMS),
    NAME(CKA_ALWAYS_AUTHENTICATE),
    NAME(CKA_ALWAYS_SENSITIVE),
    NAME(CKA_EC_PARAMS),
    NAME(CKA_EC_POINT),
    NAME(CKA_EXTRACTABLE),
    NAME(CKA_ID),
    NAME(CKA_KEY_TYPE),
    NAME(CKA_LABEL),
    NAME(CKA_LOCAL),
    NAME(CKA_MODULUS),
    NAME(CKA_NEVER_EXTRACTABLE),
    NAME(CKA_PUBLIC_EXPONENT),
    NAME(CKA_SENSITIVE),
    NAME(CKA_SIGN),
    NAME(CKA_VALUE),
    {"SIGSEGV", SIGSEGV},
    {"SIGABRT", SIGABRT},
    {"SIGKILL", SIGKILL},
};

/* A mistake in a plan must not pass for a module that works */
static void give_up(const char *what, const char *where) {
  fprintf(stderr, "faulty module: %s: %s\n", what, where);
  _exit(70);
}

static CK_ULONG value_of(const char *word) {
  if (strncmp(word, "0x", 2) == 0) {
    return strtoul(word, NULL, 16);
  }
  for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
    if (strcmp(NAMES[i].name, word) == 0) {
      return NAMES[i].value;
    }
  }
  give_up("unknown name", word);
  return 0;
}

/* The plan */

enum fault {
  DELAY,
  TAKE,
  REMEMBER,
  RETURN,
  HOLD,
  HANG,
  CRASH,
  CLOSE_SESSIONS,
  LOG_OUT,
  ABSENT,
  FIND_NOTHING,
  FLIP,
  NO_SIGNING,
  REFUSE,
};

static const struct {
  const char *name;
  int arguments;
} FAULTS[] = {
    [DELAY] = {"delay", 1},
    [TAKE] = {"take", 1},
    [REMEMBER] = {"remember", 0},
    [RETURN] = {"return", 1},
    [HOLD] = {"hold", 0},
    [HANG] = {"hang", 0},
    [CRASH] = {"crash", 1},
    [CLOSE_SESSIONS] = {"close-sessions", 0},
    [LOG_OUT] = {"log-out", 0},
    [ABSENT] = {"absent", 0},
    [FIND_NOTHING] = {"find-nothing", 0},
    [FLIP] = {"flip", 0},
    [NO_SIGNING] = {"no-signing", 0},
    [REFUSE] = {"refuse", 2},
};

struct rule {
  char function[40];
  enum fault fault;
  CK_ULONG argument, second_argument;
  uint64_t after, every, times;
  double chance;
};

struct counts {
  uint64_t fitted, fired;
};

struct plan {
  struct stat file;
  int length;
  struct rule rules[MAX_RULES];
  /* In a file, so that they outlive the process */
  struct counts *counts;
};

static enum fault fault_of(const char *word) {
  for (size_t i = 0; i < sizeof FAULTS / sizeof *FAULTS; i++) {
    if (strcmp(FAULTS[i].name, word) == 0) {
      return (enum fault)i;
    }
  }
  give_up("unknown fault", word);
  return DELAY;
}

static void parse_limit(struct rule *rule, const char *word) {
  if (sscanf(word, "after=%lu", &rule->after) != 1 && sscanf(word, "times=%lu", &rule->times) != 1 &&
      sscanf(word, "every=%lu", &rule->every) != 1 && sscanf(word, "chance=%lf", &rule->chance) != 1) {
    give_up("unknown limit", word);
  }
}

static void parse_rule(struct rule *rule, const char *function, char **rest) {
  char *fault = strtok_r(NULL, " \t", rest);
  if (fault == NULL) {
    give_up("a rule without a fault", function);
  }
  *rule = (struct rule){.fault = fault_of(fault), .every = 1, .times = UINT64_MAX, .chance = 1};
  snprintf(rule->function, sizeof rule->function, "%s", function);
  for (int i = 0; i < FAULTS[rule->fault].arguments; i++) {
    char *word = strtok_r(NULL, " \t", rest);
    if (word == NULL) {
      give_up("a fault without its argument", fault);
    }
    if (rule->fault == TAKE) {
      rule->argument = strtoul(word, NULL, 10);
    } else if (rule->fault == DELAY) {
      int numbers = sscanf(word, "%lu-%lu", &rule->argument, &rule->second_argument);
      rule->second_argument = numbers == 2 ? rule->second_argument : rule->argument;
    } else {
      *(i == 0 ? &rule->argument : &rule->second_argument) = value_of(word);
    }
  }
  for (char *word = strtok_r(NULL, " \t", rest); word != NULL; word = strtok_r(NULL, " \t", rest)) {
    parse_limit(rule, word);
  }
}

static void parse_plan(struct plan *plan, char *text) {
  char *lines = NULL;
  for (char *line = strtok_r(text, "\n", &lines); line != NULL; line = strtok_r(NULL, "\n", &lines)) {
    line[strcspn(line, "#")] = '\0';
    char *words = NULL;
    char *function = strtok_r(line, " \t", &words);
    if (function != NULL) {
      if (plan->length == MAX_RULES) {
        give_up("too many rules", function);
      }
      parse_rule(&plan->rules[plan->length++], function, &words);
    }
  }
}

/* One file of counts for each version of the plan: a new one begins with zeros */
static struct counts *map_counts(const char *path, const struct stat *plan) {
  char name[4096];
  snprintf(name, sizeof name, "%s.counts-%lu-%ld%09ld", path, (unsigned long)plan->st_ino,
           (long)plan->st_mtim.tv_sec, plan->st_mtim.tv_nsec);
  size_t size = MAX_RULES * sizeof(struct counts);
  int file = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0 || ftruncate(file, (off_t)size) != 0) {
    give_up("cannot write", name);
  }
  void *counts = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (counts == MAP_FAILED) {
    give_up("cannot map", name);
  }
  close(file);
  return counts;
}

static struct plan *read_plan(const char *path, const struct stat *found) {
  struct plan *plan = calloc(1, sizeof *plan);
  plan->file = *found;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    char text[MAX_PLAN];
    ssize_t length = read(file, text, sizeof text - 1);
    /* The file may have been replaced since it was looked at: its counts are those of what was read */
    fstat(file, &plan->file);
    close(file);
    text[length < 0 ? 0 : length] = '\0';
    plan->counts = map_counts(path, &plan->file);
    parse_plan(plan, text);
  }
  return plan;
}

static bool same_version(const struct stat *a, const struct stat *b) {
  return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
         a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Plans that were replaced are never freed: a call may still hold one of their rules */
static struct plan *current_plan(void) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static struct plan *current;
  const char *path = getenv("FAULTY_MODULE_PLAN");
  struct stat found = {0};
  if (path == NULL || stat(path, &found) != 0) {
    found = (struct stat){0};
  }
  pthread_mutex_lock(&lock);
  if (current == NULL || !same_version(&current->file, &found)) {
    current = read_plan(path == NULL ? "" : path, &found);
  }
  struct plan *plan = current;
  pthread_mutex_unlock(&lock);
  return plan;
}

static bool fits(const struct rule *rule, const char *function) {
  return strcmp(rule->function, function) == 0 ||
         (strcmp(rule->function, "*") == 0 && strcmp(function, "C_Initialize") != 0 &&
          strcmp(function, "C_Finalize") != 0);
}

static double random_fraction(void) {
  static _Thread_local unsigned int seed;
  if (seed == 0) {
    seed = (unsigned int)((uintptr_t)&seed ^ (uintptr_t)time(NULL) ^ (uintptr_t)getpid()) | 1;
  }
  return rand_r(&seed) / ((double)RAND_MAX + 1);
}

static bool fires(const struct plan *plan, int index) {
  const struct rule *rule = &plan->rules[index];
  struct counts *counts = &plan->counts[index];
  uint64_t number = __atomic_fetch_add(&counts->fitted, 1, __ATOMIC_SEQ_CST);
  if (number < rule->after || (number - rule->after) % rule->every != 0 || random_fraction() >= rule->chance) {
    return false;
  }
  return __atomic_fetch_add(&counts->fired, 1, __ATOMIC_SEQ_CST) < rule->times;
}

/* The module behind */

static CK_FUNCTION_LIST_PTR real;

/* What is remembered */

#define MAX_OPERATIONS 2048
#define MAX_SIGNATURES 64

/* A C_SignInit that the module behind does not know of */
struct operation {
  CK_SESSION_HANDLE session;
  CK_SLOT_ID slot;
  CK_OBJECT_HANDLE key;
  CK_MECHANISM_TYPE mechanism;
  CK_ULONG parameter_length;
  CK_BYTE parameter[64];
  /* How often all was forgotten before */
  uint64_t era;
};

struct signature {
  struct operation operation;
  CK_ULONG data_length, length;
  CK_BYTE data[512], bytes[1024];
};

static struct {
  pthread_mutex_t lock;
  uint64_t era;
  int operations;
  struct operation operation[MAX_OPERATIONS];
  /* A ring: the oldest makes way */
  uint64_t signatures;
  struct signature signature[MAX_SIGNATURES];
} memory = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void forget_signatures(void) {
  pthread_mutex_lock(&memory.lock);
  memory.signatures = 0;
  memory.era++;
  pthread_mutex_unlock(&memory.lock);
}

static void forget_all(void) {
  forget_signatures();
  pthread_mutex_lock(&memory.lock);
  memory.operations = 0;
  pthread_mutex_unlock(&memory.lock);
}

/* Takes the operation of a session out of the memory; false where it has none */
static bool take_operation(CK_SESSION_HANDLE session, struct operation *taken) {
  bool found = false;
  pthread_mutex_lock(&memory.lock);
  for (int i = 0; i < memory.operations && !found; i++) {
    if (memory.operation[i].session == session) {
      *taken = memory.operation[i];
      memory.operation[i] = memory.operation[--memory.operations];
      found = true;
    }
  }
  pthread_mutex_unlock(&memory.lock);
  return found;
}

/* False where the module behind must be asked; else `answer` is that of C_SignInit */
static bool note_operation(CK_SESSION_HANDLE session, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
                           CK_RV *answer) {
  CK_SESSION_INFO info;
  if (mechanism == NULL || mechanism->ulParameterLen > sizeof memory.operation[0].parameter ||
      real->C_GetSessionInfo(session, &info) != CKR_OK ||
      (info.state != CKS_RW_USER_FUNCTIONS && info.state != CKS_RO_USER_FUNCTIONS)) {
    return false;
  }
  bool noted = false;
  pthread_mutex_lock(&memory.lock);
  for (int i = 0; i < memory.operations && !noted; i++) {
    noted = memory.operation[i].session == session;
    *answer = CKR_OPERATION_ACTIVE;
  }
  if (!noted && memory.operations < MAX_OPERATIONS) {
    struct operation *operation = &memory.operation[memory.operations++];
    *operation = (struct operation){
        .session = session,
        .slot = info.slotID,
        .key = key,
        .mechanism = mechanism->mechanism,
        .parameter_length = mechanism->ulParameterLen,
        .era = memory.era,
    };
    if (mechanism->ulParameterLen > 0) {
      memcpy(operation->parameter, mechanism->pParameter, mechanism->ulParameterLen);
    }
    noted = true;
    *answer = CKR_OK;
  }
  pthread_mutex_unlock(&memory.lock);
  return noted;
}

static bool same_signature(const struct signature *signature, const struct operation *operation, CK_BYTE_PTR data,
                           CK_ULONG length) {
  const struct operation *made = &signature->operation;
  return made->slot == operation->slot && made->key == operation->key && made->mechanism == operation->mechanism &&
         made->parameter_length == operation->parameter_length &&
         memcmp(made->parameter, operation->parameter, made->parameter_length) == 0 &&
         signature->data_length == length && memcmp(signature->data, data, length) == 0;
}

/* Answers from memory; false where there is nothing, or it does not fit */
static bool recall_signature(const struct operation *operation, CK_BYTE_PTR data, CK_ULONG data_length,
                             CK_BYTE_PTR bytes, CK_ULONG_PTR length) {
  bool found = false;
  pthread_mutex_lock(&memory.lock);
  uint64_t count = memory.signatures < MAX_SIGNATURES ? memory.signatures : MAX_SIGNATURES;
  for (uint64_t i = 0; i < count && !found; i++) {
    const struct signature *signature = &memory.signature[i];
    if (same_signature(signature, operation, data, data_length) && bytes != NULL && *length >= signature->length) {
      memcpy(bytes, signature->bytes, signature->length);
      *length = signature->length;
      found = true;
    }
  }
  pthread_mutex_unlock(&memory.lock);
  return found;
}

static void keep_signature(const struct operation *operation, CK_BYTE_PTR data, CK_ULONG data_length,
                           CK_BYTE_PTR bytes, CK_ULONG length) {
  struct signature *signature;
  if (data_length > sizeof signature->data || length > sizeof signature->bytes) {
    return;
  }
  pthread_mutex_lock(&memory.lock);
  /* What it was made with may be gone by now */
  if (operation->era == memory.era) {
    signature = &memory.signature[memory.signatures++ % MAX_SIGNATURES];
    signature->operation = *operation;
    signature->data_length = data_length;
    memcpy(signature->data, data, data_length);
    signature->length = length;
    memcpy(signature->bytes, bytes, length);
  }
  pthread_mutex_unlock(&memory.lock);
}

static CK_RV init_noted(struct operation *operation) {
  CK_MECHANISM mechanism = {operation->mechanism, operation->parameter_length == 0 ? NULL : operation->parameter,
                            operation->parameter_length};
  return real->C_SignInit(operation->session, &mechanism, operation->key);
}

/* Closing sessions behind a caller's back must not pull them from under a call: that would crash SoftHSM */
static pthread_rwlock_t in_call = PTHREAD_RWLOCK_INITIALIZER;

static void close_sessions(CK_SESSION_HANDLE session) {
  CK_SESSION_INFO info;
  pthread_rwlock_wrlock(&in_call);
  if (real->C_GetSessionInfo(session, &info) == CKR_OK) {
    real->C_CloseAllSessions(info.slotID);
  }
  forget_all();
  pthread_rwlock_unlock(&in_call);
}

static void log_out(CK_SESSION_HANDLE session) {
  pthread_rwlock_wrlock(&in_call);
  real->C_Logout(session);
  forget_all();
  pthread_rwlock_unlock(&in_call);
}

static void sleep_ms(double ms) {
  struct timespec time = {(time_t)(ms / 1000), (long)((ms - 1000 * (long)(ms / 1000)) * 1e6)};
  nanosleep(&time, NULL);
}

static struct timespec now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time;
}

static bool before(const struct timespec *a, const struct timespec *b) {
  return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

static double ms_between(const struct timespec *from, const struct timespec *to) {
  return (double)(to->tv_sec - from->tv_sec) * 1e3 + (double)(to->tv_nsec - from->tv_nsec) / 1e6;
}

/*
 * Until then in the mean. A virtual machine may wake its sleepers a millisecond late: as much as that was lately, they are
 * to be woken sooner. What is more comes from processors that have too much to do.
 */
#define MAX_LATE_MS 1.5

static void sleep_until(const struct timespec *time) {
  static _Thread_local bool punctual;
  static _Thread_local double late;
  if (!punctual) {
    /* 50 microseconds by default, which a call would take longer */
    prctl(PR_SET_TIMERSLACK, 1UL);
    punctual = true;
  }
  struct timespec began = now();
  double ms = ms_between(&began, time) - late;
  if (ms > 0) {
    sleep_ms(ms);
  }
  struct timespec end = now();
  late += ms_between(time, &end) / 16;
  late = late < 0 ? 0 : late > MAX_LATE_MS ? MAX_LATE_MS : late;
}

static void crash(int signal_number) {
  /* Without a core file */
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
  signal(signal_number, SIG_DFL);
  kill(getpid(), signal_number);
  pause();
}

static void note_call(const char *function) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static int file = -1;
  const char *path = getenv("FAULTY_MODULE_CALLS");
  if (path == NULL) {
    return;
  }
  pthread_mutex_lock(&lock);
  if (file < 0) {
    file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  }
  pthread_mutex_unlock(&lock);
  dprintf(file, "%s %d\n", function, getpid());
}

/* What is to happen to one call */
struct interference {
  const char *function;
  /* The call ends here, with `answer` */
  bool ends;
  CK_RV answer;
  struct timespec began;
  /* When it may return at the earliest */
  struct timespec until;
  bool remember;
  bool absent;
  bool find_nothing;
  bool flip;
  bool no_signing;
  const struct rule *refuse[MAX_RULES];
  int refused;
};

static void apply(const struct rule *rule, const struct plan *plan, CK_SESSION_HANDLE session,
                  struct interference *interference) {
  switch (rule->fault) {
    case DELAY:
      sleep_ms((double)rule->argument +
               random_fraction() * (double)(rule->second_argument - rule->argument));
      break;
    case TAKE: {
      long nanoseconds = interference->began.tv_nsec + (long)(rule->argument % 1000) * 1000000;
      time_t seconds = (time_t)(rule->argument / 1000) + nanoseconds / 1000000000;
      struct timespec until = {interference->began.tv_sec + seconds, nanoseconds % 1000000000};
      interference->until = before(&interference->until, &until) ? until : interference->until;
      break;
    }
    case REMEMBER:
      interference->remember = true;
      break;
    case RETURN:
      interference->ends = true;
      interference->answer = rule->argument;
      break;
    case HOLD:
      while (current_plan() == plan) {
        sleep_ms(5);
      }
      break;
    case HANG:
      for (;;) {
        pause();
      }
    case CRASH:
      crash((int)rule->argument);
      break;
    case CLOSE_SESSIONS:
      close_sessions(session);
      break;
    case LOG_OUT:
      log_out(session);
      break;
    case ABSENT:
      interference->ends = true;
      interference->absent = true;
      interference->answer = CKR_DEVICE_REMOVED;
      break;
    case FIND_NOTHING:
      interference->find_nothing = true;
      break;
    case FLIP:
      interference->flip = true;
      break;
    case NO_SIGNING:
      interference->no_signing = true;
      break;
    case REFUSE:
      interference->refuse[interference->refused++] = rule;
      break;
  }
}

static struct interference interfere(const char *function, CK_SESSION_HANDLE session) {
  struct interference interference = {.function = function, .began = now()};
  note_call(function);
  if (strcmp(function, "C_CloseSession") == 0) {
    /* Before another session may be given the same handle */
    take_operation(session, &(struct operation){0});
  }
  const struct plan *plan = current_plan();
  for (int i = 0; i < plan->length && !interference.ends; i++) {
    if (fits(&plan->rules[i], function) && fires(plan, i)) {
      apply(&plan->rules[i], plan, session, &interference);
    }
  }
  return interference;
}

/* Every call that was interfered with returns through here */
static CK_RV leave(const struct interference *interference, CK_RV answer) {
  if (strcmp(interference->function, "C_Login") == 0) {
    forget_signatures();
  }
  if (strcmp(interference->function, "C_Logout") == 0 || strcmp(interference->function, "C_Finalize") == 0) {
    forget_all();
  }
  if (before(&interference->began, &interference->until)) {
    sleep_until(&interference->until);
  }
  return answer;
}

/* The functions that are counted and meddled with: `session` is the call's session handle, 0 where it has none */

#define FUNCTION(name, session, parameters, arguments)                \
  static CK_RV faulty_##name parameters {                             \
    struct interference interference = interfere(#name, session);     \
    CK_RV answer = interference.answer;                               \
    if (!interference.ends) {                                         \
      pthread_rwlock_rdlock(&in_call);                                \
      answer = real->name arguments;                                  \
      pthread_rwlock_unlock(&in_call);                                \
    }                                                                 \
    return leave(&interference, answer);                              \
  }

FUNCTION(C_Initialize, 0, (CK_VOID_PTR options), (options))
FUNCTION(C_Finalize, 0, (CK_VOID_PTR reserved), (reserved))
FUNCTION(C_GetTokenInfo, 0, (CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info), (slot, info))
FUNCTION(C_OpenSession, 0,
         (CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR application, CK_NOTIFY notify, CK_SESSION_HANDLE_PTR session),
         (slot, flags, application, notify, session))
FUNCTION(C_CloseSession, session, (CK_SESSION_HANDLE session), (session))
FUNCTION(C_GetSessionInfo, session, (CK_SESSION_HANDLE session, CK_SESSION_INFO_PTR info), (session, info))
FUNCTION(C_Login, session,
         (CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG length),
         (session, user, pin, length))
FUNCTION(C_Logout, session, (CK_SESSION_HANDLE session), (session))
FUNCTION(C_CreateObject, session,
         (CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR template, CK_ULONG count, CK_OBJECT_HANDLE_PTR object),
         (session, template, count, object))
FUNCTION(C_DestroyObject, session, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object), (session, object))
FUNCTION(C_GenerateKeyPair, session,
         (CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_ATTRIBUTE_PTR public_template,
          CK_ULONG public_count, CK_ATTRIBUTE_PTR private_template, CK_ULONG private_count,
          CK_OBJECT_HANDLE_PTR public_key, CK_OBJECT_HANDLE_PTR private_key),
         (session, mechanism, public_template, public_count, private_template, private_count, public_key,
          private_key))
FUNCTION(C_FindObjectsInit, session, (CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR template, CK_ULONG count),
         (session, template, count))
FUNCTION(C_FindObjectsFinal, session, (CK_SESSION_HANDLE session), (session))

static CK_RV faulty_C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key) {
  struct interference interference = interfere("C_SignInit", session);
  CK_RV answer = interference.answer;
  if (!interference.ends) {
    pthread_rwlock_rdlock(&in_call);
    if (!interference.remember || !note_operation(session, mechanism, key, &answer)) {
      answer = real->C_SignInit(session, mechanism, key);
    }
    pthread_rwlock_unlock(&in_call);
  }
  return leave(&interference, answer);
}

static CK_RV faulty_C_GetSlotList(CK_BBOOL present, CK_SLOT_ID_PTR slots, CK_ULONG_PTR count) {
  struct interference interference = interfere("C_GetSlotList", 0);
  if (interference.absent) {
    *count = 0;
    return leave(&interference, CKR_OK);
  }
  return leave(&interference,
               interference.ends ? interference.answer : real->C_GetSlotList(present, slots, count));
}

static CK_RV faulty_C_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE mechanism, CK_MECHANISM_INFO_PTR info) {
  struct interference interference = interfere("C_GetMechanismInfo", 0);
  if (interference.ends) {
    return leave(&interference, interference.answer);
  }
  CK_RV answer = real->C_GetMechanismInfo(slot, mechanism, info);
  if (interference.no_signing) {
    info->flags &= ~(CK_FLAGS)CKF_SIGN;
  }
  return leave(&interference, answer);
}

static CK_RV faulty_C_FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE_PTR objects, CK_ULONG max,
                                  CK_ULONG_PTR count) {
  struct interference interference = interfere("C_FindObjects", session);
  if (interference.ends) {
    return leave(&interference, interference.answer);
  }
  pthread_rwlock_rdlock(&in_call);
  CK_RV answer = real->C_FindObjects(session, objects, max, count);
  pthread_rwlock_unlock(&in_call);
  if (interference.find_nothing) {
    *count = 0;
  }
  return leave(&interference, answer);
}

static CK_RV faulty_C_GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                                        CK_ATTRIBUTE_PTR template, CK_ULONG count) {
  struct interference interference = interfere("C_GetAttributeValue", session);
  if (interference.ends) {
    return leave(&interference, interference.answer);
  }
  pthread_rwlock_rdlock(&in_call);
  CK_RV answer = real->C_GetAttributeValue(session, object, template, count);
  pthread_rwlock_unlock(&in_call);
  for (int i = 0; i < interference.refused; i++) {
    for (CK_ULONG j = 0; j < count; j++) {
      if (template[j].type == interference.refuse[i]->argument) {
        template[j].ulValueLen = (CK_ULONG)-1;
        answer = interference.refuse[i]->second_argument;
      }
    }
  }
  return leave(&interference, answer);
}

/* As the module behind does it, or did before */
static CK_RV sign(CK_SESSION_HANDLE session, bool remember, CK_BYTE_PTR data, CK_ULONG data_length,
                  CK_BYTE_PTR signature, CK_ULONG_PTR signature_length) {
  struct operation operation;
  bool noted = take_operation(session, &operation);
  if (noted && remember && recall_signature(&operation, data, data_length, signature, signature_length)) {
    return CKR_OK;
  }
  CK_RV answer = noted ? init_noted(&operation) : CKR_OK;
  if (answer == CKR_OK) {
    answer = real->C_Sign(session, data, data_length, signature, signature_length);
  }
  if (noted && remember && answer == CKR_OK && signature != NULL) {
    keep_signature(&operation, data, data_length, signature, *signature_length);
  }
  return answer;
}

static CK_RV faulty_C_Sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG data_length,
                           CK_BYTE_PTR signature, CK_ULONG_PTR signature_length) {
  struct interference interference = interfere("C_Sign", session);
  CK_BYTE discarded[1024];
  CK_ULONG discarded_length = sizeof discarded;
  if (interference.ends) {
    /* Whatever it answers, C_Sign ends the operation (PKCS#11 2.40 5.11) */
    signature = discarded;
    signature_length = &discarded_length;
  }
  pthread_rwlock_rdlock(&in_call);
  CK_RV answer = sign(session, interference.remember, data, data_length, signature, signature_length);
  pthread_rwlock_unlock(&in_call);
  if (interference.ends) {
    return leave(&interference, interference.answer);
  }
  if (interference.flip && answer == CKR_OK && signature != NULL) {
    signature[*signature_length / 2] ^= 1;
  }
  return leave(&interference, answer);
}

/* What is remembered may end with them */

static CK_RV forgetful_C_CloseAllSessions(CK_SLOT_ID slot) {
  CK_RV answer = real->C_CloseAllSessions(slot);
  forget_all();
  return answer;
}

static CK_RV forgetful_C_DestroyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object) {
  CK_RV answer = faulty_C_DestroyObject(session, object);
  forget_signatures();
  return answer;
}

static CK_FUNCTION_LIST functions;

static void load(void) {
  CK_RV (*get_functions)(CK_FUNCTION_LIST_PTR_PTR) = NULL;
  const char *path = getenv("FAULTY_MODULE_TARGET");
  void *target = path == NULL ? NULL : dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (target != NULL) {
    *(void **)&get_functions = dlsym(target, "C_GetFunctionList");
  }
  if (get_functions == NULL || get_functions(&real) != CKR_OK) {
    give_up("cannot load FAULTY_MODULE_TARGET", path == NULL ? "not set" : path);
  }
  functions = *real;
#define OVERRIDE(name) functions.name = faulty_##name
  OVERRIDE(C_Initialize);
  OVERRIDE(C_Finalize);
  OVERRIDE(C_GetSlotList);
  OVERRIDE(C_GetTokenInfo);
  OVERRIDE(C_GetMechanismInfo);
  OVERRIDE(C_OpenSession);
  OVERRIDE(C_CloseSession);
  OVERRIDE(C_GetSessionInfo);
  OVERRIDE(C_Login);
  OVERRIDE(C_Logout);
  OVERRIDE(C_CreateObject);
  OVERRIDE(C_GenerateKeyPair);
  OVERRIDE(C_FindObjectsInit);
  OVERRIDE(C_FindObjects);
  OVERRIDE(C_FindObjectsFinal);
  OVERRIDE(C_GetAttributeValue);
  OVERRIDE(C_SignInit);
  OVERRIDE(C_Sign);
  functions.C_CloseAllSessions = forgetful_C_CloseAllSessions;
  functions.C_DestroyObject = forgetful_C_DestroyObject;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, load);
  *list = &functions;
  return CKR_OK;
}
