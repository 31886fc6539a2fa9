// Go's net/http and mime/multipart: server PORT FOLDER [CERTIFICATE KEY]
//
// BUFFER in the environment: bytes of a file that are written at once.
// DRAIN in the environment: bodies are read in blocks of so many bytes, and dropped.
package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
)

// The part comes in pieces of 4 KiB, each of which io.Copy writes.
func write(file *os.File, part io.Reader, buffer int) (int64, error) {
	if buffer == 0 {
		return io.Copy(file, part)
	}
	output := bufio.NewWriterSize(file, buffer)
	defer output.Flush()
	// Without its ReadFrom, which would not fill the buffer.
	return io.Copy(struct{ io.Writer }{output}, part)
}

// Without the ReadFrom of io.Discard, which reads 8 KiB at a time.
func drain(body io.Reader, block int) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{io.Discard}, body, make([]byte, block))
}

func main() {
	port, folder := os.Args[1], os.Args[2]
	buffer, _ := strconv.Atoi(os.Getenv("BUFFER"))
	block, _ := strconv.Atoi(os.Getenv("DRAIN"))
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if block > 0 {
			size, _ := drain(r.Body, block)
			fmt.Fprintf(w, "%d", size)
			return
		}
		reader, err := r.MultipartReader()
		if err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		var size int64
		for {
			part, err := reader.NextPart()
			if err == io.EOF {
				break
			} else if err != nil {
				http.Error(w, err.Error(), 400)
				return
			}
			file, _ := os.Create(folder + "/upload.bin")
			n, _ := write(file, part, buffer)
			size += n
			file.Close()
		}
		fmt.Fprintf(w, "%d", size)
	})
	address := "127.0.0.1:" + port
	if len(os.Args) > 4 {
		panic(http.ListenAndServeTLS(address, os.Args[3], os.Args[4], nil))
	}
	panic(http.ListenAndServe(address, nil))
}
