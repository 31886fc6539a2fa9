// A server for tests of clients: net/http over TLS, x/net/http2/h2c in the clear.
// Arguments: certificate, key, folder of files. Prints the two ports, TLS first.
package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/h2c"
)

const limit = 1 << 20

func sum(body io.Reader) (string, error) {
	digest := sha256.New()
	size, err := io.CopyBuffer(digest, body, make([]byte, 256<<10))
	return fmt.Sprintf("%x %d\n", digest.Sum(nil), size), err
}

// Answers with the sum and size of what came.
func upload(w http.ResponseWriter, r *http.Request) {
	answer, err := sum(r.Body)
	if err != nil {
		log.Print("upload: ", err)
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	io.WriteString(w, answer)
}

// Refuses in the middle what is longer than the limit.
func limited(w http.ResponseWriter, r *http.Request) {
	answer, err := sum(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		http.Error(w, "too large, says Go", http.StatusRequestEntityTooLarge)
		return
	}
	io.WriteString(w, answer)
}

// Refuses at once, without a look at the body.
func refused(w http.ResponseWriter, r *http.Request) {
	http.Error(w, "too large, says Go at once", http.StatusRequestEntityTooLarge)
}

// Answers with trailers of its own and with the request's, each as "Echo-" and its name.
func trailers(w http.ResponseWriter, r *http.Request) {
	answer, _ := sum(r.Body)
	io.WriteString(w, answer)
	w.Header().Set(http.TrailerPrefix+"X-After", "all said")
	for name, values := range r.Trailer {
		w.Header()[http.TrailerPrefix+"Echo-"+name] = values
	}
}

// Never reads, never answers.
func slow(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// Answers at once, and never reads nor ends.
func early(w http.ResponseWriter, r *http.Request) {
	io.WriteString(w, "early\n")
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

func informational(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Link", "</style.css>; rel=preload")
	w.WriteHeader(http.StatusEarlyHints)
	upload(w, r)
}

// What ?code= and ?to= say, with the body unread.
func redirect(w http.ResponseWriter, r *http.Request) {
	var code int
	query := r.URL.Query()
	fmt.Sscan(query.Get("code"), &code)
	http.Redirect(w, r, query.Get("to"), code)
}

type part struct {
	Name     string              `json:"name"`
	Filename string              `json:"filename"`
	Headers  map[string][]string `json:"headers"`
	Sum      string              `json:"sha256"`
	Size     int64               `json:"size"`
}

// The parts of a multipart body, as mime/multipart reads them.
func multipart(w http.ResponseWriter, r *http.Request) {
	reader, err := r.MultipartReader()
	parts := []part{}
	for err == nil {
		p, end := reader.NextPart()
		if err = end; err == nil {
			digest := sha256.New()
			size, broken := io.Copy(digest, p)
			sum := fmt.Sprintf("%x", digest.Sum(nil))
			parts = append(parts, part{p.FormName(), p.FileName(), p.Header, sum, size})
			err = broken
		}
	}
	if err != io.EOF {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(parts)
}

func listen() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	return listener
}

func main() {
	for path, handler := range map[string]http.HandlerFunc{
		"/upload/": upload, "/expect": upload, "/limited/": limited, "/refused": refused,
		"/trailers": trailers, "/slow": slow, "/early": early, "/redirect": redirect,
		"/informational": informational, "/multipart": multipart,
	} {
		http.HandleFunc(path, handler)
	}
	for _, name := range []string{"small", "large"} {
		file := filepath.Join(os.Args[3], name)
		http.HandleFunc("/"+name, func(w http.ResponseWriter, r *http.Request) {
			http.ServeFile(w, r, file)
		})
	}
	secure, plain := listen(), listen()
	fmt.Println(secure.Addr().(*net.TCPAddr).Port, plain.Addr().(*net.TCPAddr).Port)
	go func() {
		log.Fatal(http.Serve(plain, h2c.NewHandler(http.DefaultServeMux, &http2.Server{})))
	}()
	log.Fatal(http.ServeTLS(secure, nil, os.Args[1], os.Args[2]))
}
