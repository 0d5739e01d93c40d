// A signing service as it is written in Go: net/http, and a pool of PKCS#11 sessions by crypto11. It signs raw, with
// SHA-256 and the first key pair that it finds; it verifies nothing, logs nothing and counts nothing.
package main

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/ThalesGroup/crypto11"
)

func main() {
	pin, err := os.ReadFile(os.Getenv("HSM_PIN_FILE"))
	refuse(err)
	sessions, err := strconv.Atoi(os.Getenv("HSM_SESSIONS"))
	refuse(err)
	token, err := crypto11.Configure(&crypto11.Config{
		Path:       os.Getenv("HSM_MODULE"),
		TokenLabel: os.Getenv("HSM_TOKEN_LABEL"),
		Pin:        strings.TrimSpace(string(pin)),
		// One of them is the login's, which never signs.
		MaxSessions: sessions + 1,
	})
	refuse(err)
	keys, err := token.FindAllKeyPairs()
	refuse(err)
	key := keys[0]
	http.HandleFunc("POST /sign", func(response http.ResponseWriter, request *http.Request) {
		var body struct {
			Data []byte `json:"data_to_be_signed"`
		}
		if err := json.NewDecoder(request.Body).Decode(&body); err != nil {
			http.Error(response, err.Error(), http.StatusBadRequest)
			return
		}
		digest := sha256.Sum256(body.Data)
		signature, err := key.Sign(rand.Reader, digest[:], crypto.SHA256)
		if err != nil {
			http.Error(response, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = response.Write(signature)
	})
	http.HandleFunc("GET /health/ready", func(http.ResponseWriter, *http.Request) {})
	refuse(http.ListenAndServe("127.0.0.1:"+os.Getenv("SIGNING_SERVICE_PORT"), nil))
}

func refuse(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
